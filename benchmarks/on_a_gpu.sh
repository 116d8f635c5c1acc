#!/usr/bin/env bash
# What is measured on a GPU, in parts of a few minutes each. Speed has it alone; the others run
# side by side, since one training keeps neither the GPU nor 16 cores busy.
#
#   KIZASHI_DATA=FOLDER bash benchmarks/on_a_gpu.sh speed OUT      100 seconds on an H100
#   KIZASHI_DATA=FOLDER bash benchmarks/on_a_gpu.sh accuracy OUT   preset full, three seeds
#   KIZASHI_DATA=FOLDER bash benchmarks/on_a_gpu.sh studies OUT    Moving MNIST, ablation
#   KIZASHI_DATA=FOLDER bash benchmarks/on_a_gpu.sh critic OUT     its constraints, its features
#   KIZASHI_DATA=FOLDER bash benchmarks/on_a_gpu.sh synthetic OUT  synthetic clips to train on
#
# OUT gets the JSON of each run and its log.
set -uo pipefail
what=${1:?speed, accuracy, studies, critic or synthetic} out=${2:?folder for results}
cd "$(dirname "$0")/.."
mkdir -p "$out"
python=${PYTHON:-python3}
export PYTHONPATH=$PWD PYTHONUNBUFFERED=1
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} OPENCV_FOR_THREADS_NUM=${OPENCV_FOR_THREADS_NUM:-2}

run() {  # run NAME SCRIPT ARGUMENTS: its log to OUT, its last lines here
    local name=$1 script=$2
    shift 2
    if "$python" "benchmarks/$script.py" "$@" >"$out/$name.log" 2>&1; then
        echo "$name: done after $SECONDS s"
    else
        echo "$name: stopped after $SECONDS s: $(tail -n 1 "$out/$name.log")"
    fi
}

case $what in
speed)
    run training-speed training_speed --preset paper --batches 32,128 --steps 30 \
        --out "$out/training-speed-gpu.json"
    ;;
accuracy)
    for seed in 0 1 2; do
        run "full-seed-$seed" accuracy --preset full --seeds 1 --first-seed "$seed" \
            --work "/tmp/kizashi/full-$seed" --out "$out/full-seed-$seed" &
    done
    wait
    ;;
studies)
    run adversarial-metric adversarial_metric --seeds 3 --jobs 3 --out "$out" \
        --work /tmp/kizashi/adversarial-metric &
    run conditional conditional --out "$out" --work /tmp/kizashi/conditional &
    for rows in "shipped no-motion background-difference frame-difference" \
        "longer no-pseudo-anomalies even-tiles" "no-average no-r1 paper-game"; do
        run "ablation-${rows%% *}" ablation $(printf -- '--row %s ' $rows) --out "$out" \
            --work /tmp/kizashi/ablation &
    done
    wait
    ;;
critic)
    run stability stability --recipe paper --seeds 1 --steps 100 --out "$out" &
    run representation representation --recipe paper --seeds 3 --steps 1000 --out "$out" &
    wait
    ;;
synthetic)
    for share in .1 .25; do
        run "augmentation-$share" augmentation --share "$share" --out "$out/augmentation-$share" &
    done
    wait
    ;;
*)
    echo "on_a_gpu: $what is unknown; choose speed, accuracy, studies, critic or synthetic" >&2
    exit 1
    ;;
esac
