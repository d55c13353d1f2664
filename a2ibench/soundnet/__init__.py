"""SoundNet: its networks, its weights and its distillation."""
