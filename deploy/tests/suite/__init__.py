"""The checks of deploy/: each module is about one thing that is deployed."""
