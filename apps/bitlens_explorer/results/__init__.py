"""What a run knows: results that were measured before, loaded, checked and exported. Imports only from state."""
