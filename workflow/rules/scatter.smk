# In the place of sample.smk with --set-scatter sweep=N: each gamma of each sweep is drawn by N
# jobs, and gathered into the files that one job writes, bit for bit. Shards are temporary.
scattergather:
    sweep=1,


rule sample_shard:
    input:
        needs("sample"),
    output:
        temp([SHARD + end for end in SHARD_ENDS]),
    log:
        LOGS / "sample" / "{cell}-seed{seed}-{guidance}-gamma{gamma}-{scatteritem}.log",
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS
    resources:
        gpu=GPU,
        gpu_mb=CARD,
        mem_mb=MEMORY,
        runtime=240,
    params:
        identity=identity_of("sample"),
        shard=lambda wildcards: wildcards.scatteritem.replace("-of-", "/"),
    message:
        "sample {wildcards.cell}, seed {wildcards.seed}, {wildcards.guidance}, gamma"
        " {wildcards.gamma}, shard {params.shard}"
    shell:
        f"threetargets sample --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --gamma {wildcards.gamma} --shard {params.shard}"
        " --threads {threads} > {log} 2>&1"


rule gather:
    input:
        [gather.sweep(SHARD + end, allow_missing=True) for end in SHARD_ENDS],
    output:
        paths.sampled(STUDY, RUN, "{guidance}", "{gamma}"),
    log:
        LOGS / "sample" / "{cell}-seed{seed}-{guidance}-gamma{gamma}.log",
    localrule: True
    conda:
        "../envs/threetargets.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        identity=identity_of("sample"),
        shards=workflow.resource_settings.overwrite_scatter["sweep"],
    message:
        "gather gamma {wildcards.gamma} of {wildcards.cell}, seed {wildcards.seed}"
    shell:
        f"threetargets gather --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --gamma {wildcards.gamma} --shards {params.shards}"
        " > {log} 2>&1"


# It finds every gamma gathered, draws nothing, and sums them up.
rule sum_up:
    input:
        needs("sample"),
        lambda wildcards: job_of("sample", wildcards).outputs[:-1],
    output:
        SAMPLES / "sample.json",
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
        identity=identity_of("sample"),
    message:
        "sum up the samples of {wildcards.cell}, seed {wildcards.seed}, {wildcards.guidance}"
    shell:
        f"threetargets sample --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --threads {threads} > {log} 2>&1"
