# The library's estimators on densities that are known: of no study, and stale when their code
# changes.
rule calibrate:
    output:
        CALIBRATION,
    log:
        LOGS / "calibrate.log",
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        identity=identity(STUDY, "calibrate"),
    message:
        "calibrate (progress: {log})"
    shell:
        f"threetargets calibrate --out {CALIBRATION[0].parent} --threads {{threads}}"
        " --keep-failed > {log} 2>&1"
