# The workflow is workflow/Snakefile, where the workflow catalogue looks for it too: what is built from
# what, and where it lies.
include: "workflow/Snakefile"


workflow.default_target = "all"  # an include keeps its own to itself
