# Samples of a model as it was trained, and over the gammas of each kind of guidance.
rule sample:
    input:
        DATA[0],
        RUN_DIR / "weights.safetensors",
        RUN_DIR / "train.json",
    output:
        [NONE_DIR / f"gamma{g}.npz" for g in jobs.gammas(STUDY, "none")],
        NONE_DIR / "sample.json",
    log:
        LOGS / "sample" / "{cell}-seed{seed}-none.log",
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS
    resources:
        gpu=GPU,
        mem_mb=MEMORY,
        runtime=240,
    params:
        identity=identity("sample", "none"),
    message:
        "sample {wildcards.cell}, seed {wildcards.seed} (progress: {log})"
    shell:
        f"threetargets sample --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance none --threads {threads} > {log} 2>&1"


rule sample_guided:
    input:
        DATA[0],
        RUN_DIR / "weights.safetensors",
        RUN_DIR / "train.json",
        guide=guide,
    output:
        [GUIDED_DIR / f"gamma{g}.npz" for g in jobs.gammas(STUDY, "classifier")],
        GUIDED_DIR / "sample.json",
    log:
        LOGS / "sample" / "{cell}-seed{seed}-{guidance}.log",
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS
    resources:
        gpu=GPU,
        mem_mb=MEMORY,
        runtime=240,
    params:
        identity=identity("sample"),
    message:
        "sample {wildcards.cell}, seed {wildcards.seed}, {wildcards.guidance} guidance (progress: {log})"
    shell:
        f"threetargets sample --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --threads {threads} > {log} 2>&1"
