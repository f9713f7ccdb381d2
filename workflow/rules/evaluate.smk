# Likelihood on the test split; FID and its kin, accuracy and entropy of every sample set.
rule likelihood:
    input:
        needs("likelihood"),
    output:
        RUN_DIR / "likelihood.json",
    log:
        LOGS / "likelihood" / "{cell}-seed{seed}.log",
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS
    resources:
        gpu=GPU,
        gpu_mb=CARD,
        mem_mb=MEMORY,
        runtime=240,
    params:
        identity=identity_of("likelihood"),
    message:
        "likelihood of {wildcards.cell}, seed {wildcards.seed} (progress: {log})"
    shell:
        f"threetargets likelihood --params {FILE}"
        " --cell {wildcards.cell} --seed {wildcards.seed}"
        " --threads {threads} > {log} 2>&1"


rule evaluate:
    input:
        needs("evaluate"),
    output:
        RUN_DIR / "evaluate.json",
    log:
        LOGS / "evaluate" / "{cell}-seed{seed}.log",
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS
    resources:
        gpu=GPU,
        gpu_mb=CARD,
        mem_mb=MEMORY,
        runtime=240,
    params:
        identity=identity_of("evaluate"),
    message:
        "evaluate {wildcards.cell}, seed {wildcards.seed} (progress: {log})"
    shell:
        f"threetargets evaluate --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --threads {threads} > {log} 2>&1"
