"""What workflows ask of the world: abstract activities, implemented in `activities/`."""
