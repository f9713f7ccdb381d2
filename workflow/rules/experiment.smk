# One seed of an experiment: a question that needs no grid of cells. On one core, without a GPU; an
# interrupted one begins anew.
rule experiment:
    output:
        EXPERIMENT,
    log:
        LOGS / "experiment" / "{cell}-seed{seed}.log",
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        identity=identity_of("experiment"),
    message:
        "experiment {wildcards.cell}, seed {wildcards.seed} (progress: {log})"
    shell:
        f"threetargets experiment --params {FILE}"
        " --cell {wildcards.cell} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"
