"""How Sphinx builds the documentation: ``sphinx-build -W docs build/docs``."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

os.environ["COLUMNS"] = "80"  # the usage of a command

import hookcount  # noqa: E402

project = "hookcount"
author = "the authors of hookcount"
version = release = hookcount.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_copybutton",
    "_scripts.names",
    "_scripts.options",
    "_scripts.targets",
    "_scripts.conventions",
    "_scripts.gallery",
]
exclude_patterns = ["_*", "**/_*"]
nitpicky = True
smartquotes = False  # they make another dash of --depth

html_theme = "furo"
html_title = "hookcount"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = html_show_copyright = False
html_copy_source = False
html_show_search_summary = False  # a browser lets no page from a file read another

# A prompt is no part of what the button copies, and neither is the output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    "member-order": "bysource",
    # All but what these bases give to a class.
    "inherited-members": (
        "Portable, tuple, dict, list, str, int, Enum, "
        "OSError, ImportError, BaseException, TrainerCallback"
    ),
}
autodoc_typehints = "signature"
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
autodoc_mock_imports = ["lightning"]  # the reference does not depend on what is installed
