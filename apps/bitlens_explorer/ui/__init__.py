"""Parts that pages are made of. Imports from state and results, and knows no page."""
