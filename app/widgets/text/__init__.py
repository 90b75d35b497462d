"""Text on the page: Markdown blocks, code, tables, formulas, and a selection that goes over many of them."""
