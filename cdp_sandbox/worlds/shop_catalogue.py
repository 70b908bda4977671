"""The shop's catalogue: forty products in eight categories, with the names and prices that break naive readers."""

from dataclasses import dataclass

from cdp_sandbox.world import Json

CATEGORIES = ["Tea", "Coffee", "Chocolate", "Crème & Käse", "Home", "Garden", "Books", "Gifts"]
_NAMES = ["Classic", 'The "Original"', "Größe XL", "抹茶", "O'Hara's Choice"]
_BRANDS = ["Nordlys", "Émile", "Acme, Inc."]


@dataclass(frozen=True, slots=True)
class Product:
    """A product; its price is in whole cents."""

    sku: str
    name: str
    category: str
    brand: str
    cents: int

    def properties(self) -> Json:
        """The product as Segment's e-commerce events name its fields; the price in pounds."""
        return {
            "product_id": self.sku.lower(),
            "sku": self.sku,
            "name": self.name,
            "category": self.category,
            "brand": self.brand,
            "price": self.cents / 100,
        }


CATALOGUE = [
    Product(
        sku=f"SKU-{100 + len(_NAMES) * row + column}",
        name=f"{name} {category}",
        category=category,
        brand=_BRANDS[(row + column) % len(_BRANDS)],
        cents=(299, 1000, 1499, 450, 2375)[column] + 100 * row,
    )
    for row, category in enumerate(CATEGORIES)
    for column, name in enumerate(_NAMES)
]
