"""The site of the guides: `make docs` builds it, and any broken link in it is an error."""

from textshot import __version__

project = "textshot"
author = "The textshot authors"
copyright = "The textshot authors"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "textshot"
html_copy_source = False
html_show_sphinx = False
templates_path: list[str] = []
default_role = "code"  # of docstrings, which are written as Markdown has it

myst_heading_anchors = 3
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_attr_annotations = False
