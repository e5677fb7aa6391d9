"""How values look on a page: status words, formats, small graphics, toasts."""
