#!/usr/bin/env bash
# Compares with HF transformers: random models, searches and sampling, tokenizers, and chat templates. Exit code 1 where anything differs.
#
#     PYTHON=python3 scripts/oracle/all.sh MODEL_DIRECTORY TEMPLATE_DIRECTORY [SEED]
#
# PYTHON has torch, transformers 5.24, tokenizers and safetensors. MODEL_DIRECTORY is a small Llama with a tokenizer, for searches;
# TEMPLATE_DIRECTORY holds chat templates, a file NAME.jinja each.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
model=$(realpath "$1")
templates=$(realpath "$2")
seed=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
compare() { npx tsx "scripts/oracle/compare-$1.ts" "${@:2}" || failed=1; }

"$python" scripts/oracle/models.py "$work/models" --seed "$seed" --count 69
compare models "$work/models"
"$python" scripts/oracle/searches.py "$model" --seed "$seed" --count 110 --sampled 80 >"$work/hf.json"
compare searches "$model" "$work/hf.json"
"$python" scripts/oracle/make_tokenizers.py "$work/tokenizers" --seed "$seed" --texts 341
compare tokenizers "$work/tokenizers"
"$python" scripts/oracle/templates.py "$templates" >"$work/rendered.json"
compare templates "$templates" "$work/rendered.json"
exit $failed
