# MLflow, filled from the records when all are there. The store is made ready at the start (onstart
# in the Snakefile).
rule track:
    input:
        READ,
    output:
        TRACKING,
    log:
        LOGS / "track.log",
    localrule: True
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        uri=STUDY.tracking.uri,
    message:
        "track sync: records to MLflow (log: {log})"
    shell:
        f"threetargets track sync --params {FILE} > {{log}} 2>&1"
