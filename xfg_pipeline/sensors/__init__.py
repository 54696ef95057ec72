"""What starts by itself: one module a trigger. A sensor gathers, asks a pure decision, and translates the answer."""
