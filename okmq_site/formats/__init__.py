"""How Django's own pages of the console write instants (FORMAT_MODULE_PATH): as our pages do."""
