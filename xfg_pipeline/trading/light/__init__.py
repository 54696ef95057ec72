"""The traffic light: which rule decides, what holds it, and what it saved and cost."""
