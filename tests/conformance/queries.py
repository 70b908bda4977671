"""What an analyst asks: SQL that every destination speaks, and answers alike."""

QUERIES = {
    "events by day and action": """
        SELECT CAST(event_time AS DATE) AS day, event_action, count(*) AS events
        FROM intilery.events GROUP BY CAST(event_time AS DATE), event_action ORDER BY day, event_action""",
    "last order of each customer": """
        SELECT customer_id, event_time, order_id FROM (
            SELECT customer_id, event_time, (properties ->> 'order_id') AS order_id,
                row_number() OVER (PARTITION BY customer_id ORDER BY event_time DESC, event_id) AS place
            FROM intilery.events WHERE event_action = 'order_completed' AND customer_id IS NOT NULL
        ) AS orders WHERE place = 1 ORDER BY customer_id""",
    "revenue by month": """
        SELECT EXTRACT(YEAR FROM event_time) AS year, EXTRACT(MONTH FROM event_time) AS month, count(*) AS orders,
            sum(CAST((properties ->> 'revenue') AS DECIMAL(18, 2))) AS revenue
        FROM intilery.events WHERE event_action = 'order_completed' GROUP BY 1, 2 ORDER BY 1, 2""",
    "products in an order": """
        SELECT event_id, json_array_length(properties -> 'products') AS products
        FROM intilery.events WHERE event_action = 'order_completed' ORDER BY event_id""",
    "events of a week": """
        SELECT event_id FROM intilery.events
        WHERE event_time >= '2026-02-01 00:00:00+00:00' AND event_time < '2026-02-08 00:00:00+00:00'
        ORDER BY event_id""",
    "one customer by e-mail": """
        SELECT id, first_name, email FROM intilery.profile_traits
        WHERE email = (SELECT min(email) FROM intilery.profile_traits)""",
    "orders by plan": """
        SELECT traits.plan, count(*) AS orders
        FROM intilery.events AS events JOIN intilery.profile_traits AS traits ON traits.id = events.customer_id
        WHERE events.event_action = 'order_completed' GROUP BY traits.plan ORDER BY orders, traits.plan""",
    "who may be mailed": """
        SELECT traits.id, channels.channel, channels.subscribed
        FROM intilery.profile_traits AS traits
        JOIN intilery.profile_traits__marketing_preferences__channels AS channels
            ON channels._dlt_parent_id = traits._dlt_id
        ORDER BY traits.id, channels._dlt_list_idx""",
    "interests": """
        SELECT value, count(*) AS customers FROM intilery.profile_traits__interests GROUP BY value ORDER BY value""",
    "unseen for a week": """
        SELECT profile_id, max(last_event_time) AS last_seen FROM intilery.profile_event_bounds
        GROUP BY profile_id HAVING max(last_event_time) < '2026-03-18 00:00:00+00:00' ORDER BY profile_id""",
    "events before the profile knew": """
        SELECT count(*) AS late FROM intilery.events WHERE received_time > event_time""",
    "customers without an order": """
        SELECT id FROM intilery.profiles
        WHERE id NOT IN (
            SELECT customer_id FROM intilery.events
            WHERE customer_id IS NOT NULL AND event_action = 'order_completed'
        ) ORDER BY id""",
    "anonymous visits": """
        SELECT coalesce(event_name, '-') AS name, count(DISTINCT anonymous_id) AS visitors
        FROM intilery.events WHERE customer_id IS NULL GROUP BY 1 ORDER BY 1""",
}
