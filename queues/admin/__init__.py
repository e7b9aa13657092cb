"""The operator console's pages of queues, one file a page. Loaded when the site's addresses are: ``urls``."""
