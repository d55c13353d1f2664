"""The page of a study, collected from its folder."""
