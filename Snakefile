# What is built from what. One parameter file names the study: params.yaml, or the one given by
# --configfile.
#
#     results/<study>/data/{train,validation,test}.npz, manifest.json            prepare
#     results/<study>/runs/<cell>/seed<k>/weights.safetensors, train.json        train
#     results/<study>/runs/<cell>/seed<k>/samples/<guidance>/gamma<g>.npz        sample
#     results/<study>/runs/<cell>/seed<k>/likelihood.json, evaluate.json   likelihood, evaluate
#     results/<study>/runs/<experiment>/seed<k>/experiment.{json,npz}      experiment
#     results/<study>/tracking.json                                              track
#     results/<study>/calibration/calibration.json, index.html                   calibrate
#     reports/<study>/index.html, report.md, metrics.{csv,json}, ...              report
#     reports/index.html, report.md      index: the page across studies, from what all reports say
#     logs/<study>/<stage>/...log                                          one log a job
#
# A cell is vae, hvae, ddpm_<target>_<weighting>, a variant, guide, judge, or data: real images in
# the place of samples. Jobs, paths and what makes a result stale come from threetargets.pipeline.

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/tracking.smk"
include: "workflow/rules/experiment.smk"
include: "workflow/rules/train.smk"
include: f"workflow/rules/{'scatter' if SCATTERED else 'sample'}.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        REPORT + INDEX,
        READ,  # named again: a deleted one would go unnoticed behind a report that is there
        CALIBRATION,


# Once, before anything runs in parallel; a file that trainings depend on would train them all again
# when it is lost. The identities are written for DVC alone, which takes them as inputs. A study
# that has not begun says what it takes.
onstart:
    if not JOBS[0].record.exists():
        shell(f"threetargets estimate --params {FILE}")
    shell(f"threetargets track init --params {FILE}")
    shell(f"threetargets identities --params {FILE}")


onsuccess:
    print(closing_words())


onerror:
    print(
        f"The study {STUDY.study} is not finished. Logs: {LOGS}/."
        " The same command goes on from here."
    )
