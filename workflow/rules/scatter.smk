# In the place of sample.smk with --set-scatter sweep=N: each gamma of each sweep is drawn by N jobs, and gathered into
# the files that one job writes, bit for bit. Shards are temporary.
scattergather:
    sweep=1,


rule sample_shard:
    input:
        DATA[0],
        RUN_DIR / "weights.safetensors",
        RUN_DIR / "train.json",
        guide=guide,
    output:
        temp([SHARD + end for end in SHARD_ENDS]),
    log:
        LOGS / "sample" / "{cell}-seed{seed}-{guidance}-gamma{gamma}-{scatteritem}.log",
    wildcard_constraints:
        guidance="none|classifier|classifier-free",
        gamma="[0-9.e+-]+?",
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS
    resources:
        gpu=GPU,
        mem_mb=MEMORY,
        runtime=240,
    params:
        identity=identity("sample"),
        shard=shard,
    message:
        "sample {wildcards.cell}, seed {wildcards.seed}, {wildcards.guidance}, gamma {wildcards.gamma}, shard {params.shard}"
    shell:
        f"threetargets sample --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --gamma {wildcards.gamma} --shard {params.shard}"
        " --threads {threads} > {log} 2>&1"


rule gather:
    input:
        [f for s in shards(NONE_DIR, "none") for f in gather.sweep(s, allow_missing=True)],
    output:
        [NONE_DIR / f"gamma{g}.npz" for g in jobs.gammas(STUDY, "none")],
        NONE_DIR / "sample.json",
    log:
        LOGS / "sample" / "{cell}-seed{seed}-none.log",
    localrule: True
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        identity=identity("sample", "none"),
        shards=workflow.resource_settings.overwrite_scatter["sweep"],
    message:
        "gather samples of {wildcards.cell}, seed {wildcards.seed}"
    shell:
        f"threetargets gather --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance none --shards {params.shards} > {log} 2>&1"


rule gather_guided:
    input:
        [f for s in shards(GUIDED_DIR, "classifier") for f in gather.sweep(s, allow_missing=True)],
    output:
        [GUIDED_DIR / f"gamma{g}.npz" for g in jobs.gammas(STUDY, "classifier")],
        GUIDED_DIR / "sample.json",
    log:
        LOGS / "sample" / "{cell}-seed{seed}-{guidance}.log",
    localrule: True
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        identity=identity("sample"),
        shards=workflow.resource_settings.overwrite_scatter["sweep"],
    message:
        "gather samples of {wildcards.cell}, seed {wildcards.seed}, {wildcards.guidance} guidance"
    shell:
        f"threetargets gather --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --shards {params.shards} > {log} 2>&1"
