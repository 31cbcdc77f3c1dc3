"""One module for each page, named as the page is; ``PAGE`` is its screen's class."""
