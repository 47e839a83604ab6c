"""The main job from nothing."""
