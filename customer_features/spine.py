"""Who has a row at a cutoff."""

import ibis.expr.types as ir

from customer_features.families.family import Known
from customer_features.labels import Label
from customer_features.numbering import NAME


def spine(known: Known, label: Label | None) -> ir.Table:
    """Who is at risk at the cutoff, `customer_id`, their `name`, and `deleted`, when they were next found deleted, in
    microseconds or NULL.

    With a label those it says, else every customer known by then; nobody who was found deleted and not back by then.
    """
    micros, cutoff = known.tables.functions.micros, known.cutoff
    customers = known.tables["customers"]
    all_of_them = customers.select(
        "customer_id",
        name=customers[NAME if NAME in customers.columns else "customer_id"],
        created=micros(customers.created_at),
        known=micros(customers.first_seen_at),
    )
    absences = known.tables["customer_absences"]
    absences = absences.select(
        absent_id="customer_id", deleted=micros(absences.deleted_at), returned=micros(absences.returned_at)
    )
    away = absences.filter(absences.deleted <= cutoff, absences.returned.isnull() | (absences.returned > cutoff))
    later = absences.filter(absences.deleted > cutoff)
    later = later.group_by("absent_id").aggregate(deleted=later.deleted.min())
    there = all_of_them.anti_join(away, all_of_them.customer_id == away.absent_id)
    there = there.left_join(later, there.customer_id == later.absent_id).drop("absent_id")
    if label is None:
        there = there.filter((there.created < cutoff) & (there.known <= cutoff))
        return there.select("customer_id", "name", "deleted")
    at_risk = label.customers(known.facts[label.source], cutoff).rename(risk_id="customer_id")
    return there.join(at_risk, there.customer_id == at_risk.risk_id).select("customer_id", "name", "deleted")
