# One model, guide or judge. A training that diverges is a result: its record says failed, and the
# others go on. Checkpoints lie in work/<identity>/, which is no output: an interrupted training
# goes on from there.
rule train:
    input:
        needs("train"),
    output:
        TRAINED,
    log:
        LOGS / "train" / "{cell}-seed{seed}.log",
    retries: RETRIES  # one that a signal or its time budget ended (exit code 75) goes on
    conda:
        "../envs/threetargets.yaml"
    threads: THREADS * STUDY.processes
    resources:
        gpu=GPU * STUDY.processes,
        gpu_mb=lambda wildcards: card_of_training(),
        mem_mb=MEMORY,
        runtime=720,
    params:
        identity=identity_of("train"),
    message:
        "train {wildcards.cell}, seed {wildcards.seed} (progress: {log})"
    shell:
        f"{EXEC}threetargets train --params {FILE}"
        " --cell {wildcards.cell} --seed {wildcards.seed}"
        f" --threads {{threads}} --keep-failed{BUDGET} > {{log}} 2>&1"
