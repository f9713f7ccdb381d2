# Samples of a model as it was trained, and over the gammas of each kind of guidance. Each gamma is
# a result of its own: a job keeps those that are there (`update`), and draws what is missing.
rule sample:
    input:
        needs("sample"),
    output:
        kept("none"),
        SAMPLES / "sample.json",
    log:
        LOGS / "sample" / "{cell}-seed{seed}-{guidance}.log",
    wildcard_constraints:
        guidance="none",
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
    message:
        "sample {wildcards.cell}, seed {wildcards.seed} (progress: {log})"
    shell:
        f"threetargets sample --params {FILE} --cell {{wildcards.cell}} --seed {{wildcards.seed}}"
        " --guidance {wildcards.guidance} --threads {threads} > {log} 2>&1"


use rule sample as sample_guided with:
    output:
        kept("guided"),
        SAMPLES / "sample.json",
    wildcard_constraints:
        guidance="|".join(GUIDES),
    message:
        "sample {wildcards.cell}, seed {wildcards.seed}, {wildcards.guidance} guidance"
        " (progress: {log})"
