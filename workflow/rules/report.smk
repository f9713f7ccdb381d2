# Marked for `snakemake --report`: the files of the study's report, and each figure and table under
# the heading that it has there. A figure that a failed cell leaves out is left out here.
# The report reads records, journals, samples, the calibration and the MLflow runs that
# tracking.json names; and the weights of autoencoders whose latent space can be drawn.
rule report:
    input:
        OF_STUDY["report"].inputs,
    output:
        [
            report(path, category="Report", labels=CALLED[path.name], caption="../report/page.rst")
            for path in FILES
        ],
        report(
            directory(FIGURES),
            patterns=["{figure,[^.]+}.svg", "{table,table-[^.]+}.csv"],
            category=topic_of,
            labels=labels_of,
            caption="../report/figure.rst",
        ),
    log:
        LOGS / "report.log",
    localrule: True
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        identity=identity(STUDY, "report"),
    message:
        "report (log: {log})"
    shell:
        f"threetargets report --params {FILE} > {{log}} 2>&1"


# The page across studies reads what every report has committed; the same inputs whichever study
# runs, so that no study makes another's page stale.
rule index:
    input:
        paths.across_all(STUDY),
    output:
        INDEX,
    log:
        LOGS / "index.log",
    localrule: True
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        identity=identity(STUDY, "index"),
    message:
        "index: the page across studies (log: {log})"
    shell:
        "threetargets index --keep-failed > {log} 2>&1"
