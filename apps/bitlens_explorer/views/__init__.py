"""The pages, one package each. A page imports from state, results and ui, and from no other page."""
