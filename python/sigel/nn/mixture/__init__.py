"""Module II: mixtures of Student t and of tied Gaussian components."""
