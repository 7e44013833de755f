"""The models that Smeaton is tested and measured on; `tools/models.py` is the command."""
