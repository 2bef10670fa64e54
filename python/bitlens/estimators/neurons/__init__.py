"""Information between single neurons and the labels, and what follows from it."""
