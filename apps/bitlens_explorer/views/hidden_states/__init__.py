"""The page of hidden states: entropies of prompts over layers, and the tokens of a prompt as text."""
