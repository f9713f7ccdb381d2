# The report reads records, journals, samples, the calibration and the MLflow runs that
# tracking.json names; and the weights of autoencoders whose latent space can be drawn.
rule report:
    input:
        OF_STUDY["report"].inputs,
    output:
        REPORT,
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
