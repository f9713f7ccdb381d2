# The images of the study, their split and their digests. A study of experiments
# alone has none.
if DATA:

    rule prepare:
        output:
            DATA,
        log:
            LOGS / "prepare.log",
        localrule: True
        conda:
            "../envs/threetargets.yaml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            identity=identity(STUDY, "prepare"),
        message:
            f"prepare {STUDY.data.name} (log: {{log}})"
        shell:
            f"threetargets prepare --params {FILE} > {{log}} 2>&1"
