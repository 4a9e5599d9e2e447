#!/usr/bin/env bash
# How the built-in model was made, command by command.
#
#     scripts/built-in/train.sh BOOKS STORIES260K WORK
#
# BOOKS is a file of English books with an empty line between them (text or .br), STORIES260K the directory of
# karpathy/tinyllamas' stories260K in HF layout; everything is written under WORK, the result to WORK/built-in. A run that
# was cut off goes on with the same command and --resume. Needs jq.
set -euo pipefail
cd "$(dirname "$0")/../.."

books=$1
stories260k=$2
work=$3
mkdir -p "$work/built-in"
llm() { ./bin/run.js "$@"; }

# Text: every 40th book is never learnt from; of the others every 4th comes again, beside stories, in the second stage.
npx tsx scripts/built-in/split-books.ts "$books" 40 "$work/train.txt" "$work/held-out.txt"
npx tsx scripts/built-in/split-books.ts "$work/train.txt" 4 /dev/null "$work/quarter.txt"
npx tsx scripts/built-in/split-books.ts "$work/train.txt" 12 /dev/null "$work/twelfth.txt"
npx tsx scripts/built-in/story-openings.ts 400 > "$work/openings.jsonl"
stories="$work/stories.jsonl"
npx tsx scripts/write-texts.ts "$work/openings.jsonl" "$stories" --model "$stories260k" --as text \
  --answers 8 --max-new-tokens 320 --temperature 0.6

# The tokenizer and the base model.
llm train tokenizer "$books" -o "$work/tokenizer" --vocab-size 4096
text=(--held-out "$work/held-out.txt" --held-out-rows 256 --separator '\n\n')
muon=(--optimizer muon --lr-scheduler-type linear)
llm train base "$work/train.txt" --tokenizer "$work/tokenizer" --config scripts/built-in/config.json -o "$work/base-1" \
  "${text[@]}" "${muon[@]}" --learning-rate 8e-3 --min-lr-ratio 0.3 --warmup-steps 40 \
  --sequence-length 128 --batch-size 32 --steps 2800 --eval-steps 200 --save-steps 200 --seed 1

llm train base "$work/quarter.txt" "$stories" "$stories" "$stories" --init "$work/base-1" -o "$work/base-2" \
  "${text[@]}" "${muon[@]}" --learning-rate 4e-3 --min-lr-ratio 0 --warmup-steps 40 \
  --sequence-length 256 --batch-size 16 --steps 2000 --eval-steps 200 --save-steps 200 --save-dtype fp16 --seed 2

llm train base "$work/train.txt" "$stories" "$stories" "$stories" "$stories" --init "$work/base-2" -o "$work/base" \
  "${text[@]}" "${muon[@]}" --learning-rate 4e-3 --min-lr-ratio 0 --warmup-steps 40 \
  --sequence-length 512 --batch-size 8 --steps 2800 --eval-steps 200 --save-steps 100 --save-dtype fp16 --seed 3

# What drafts for it learns from the same texts, and from what the model itself writes.
npx tsx scripts/built-in/mixed-prompts.ts "$work/openings.jsonl" "$work/twelfth.txt" > "$work/self-prompts.jsonl"
own="$work/own.jsonl"
npx tsx scripts/write-texts.ts "$work/self-prompts.jsonl" "$own" --model "$work/base" --as text \
  --answers 8 --max-new-tokens 160 --temperature 0.7 --seconds 150
texts=("$work/twelfth.txt" "$stories" "$own" "$own" "$own" "$own")
common=(-m "$work/base" --lr-scheduler-type linear --min-lr-ratio 0 --sequence-length 512 --batch-size 8 --save-steps 100 --save-dtype fp16)
first=("${common[@]}" --held-out "$work/held-out.txt" --held-out-rows 128 --separator '\n\n' --eval-steps 100 --warmup-steps 20 --seed 3)
llm train medusa "${texts[@]}" "${first[@]}" -o "$work/medusa-1" --own-vocabulary --steps 300 --learning-rate 2e-3
llm train mtp "${texts[@]}" "${first[@]}" -o "$work/mtp-1" --optimizer muon --steps 300 --learning-rate 6e-3
llm train draft "${texts[@]}" "${first[@]}" -o "$work/draft-1" --optimizer muon --steps 350 --learning-rate 1e-2

# Then from what it writes on beginnings that are unlike its texts, questions and requests: a draft is to be right there, too.
npx tsx scripts/write-prompts.ts "$work/questions.jsonl" --prompts 1200 --seed 11
jq -c '{prompt, question: .prompt}' "$work/self-prompts.jsonl" > "$work/beginnings.jsonl"
answers() { # PROMPTS NAME FLAGS...
  llm batch "$work/$1.jsonl" -o "$work/$2-answers.jsonl" --order input -m "$work/base" --dtype fp32 --max-batch 64 --max-new-tokens 128 "${@:3}"
  jq -c '{text: (.question + .text)}' "$work/$2-answers.jsonl" > "$work/$2.jsonl"
}
answers questions questions-greedy --no-do-sample
answers questions questions-sampled --do-sample --temperature 0.7 --top-p 0.9 --seed 5
answers beginnings beginnings-greedy --no-do-sample
texts=("$work/questions-greedy.jsonl" "$work/questions-sampled.jsonl" "$work/beginnings-greedy.jsonl" "$own" "$own" "$stories")
further=("${common[@]}" --steps 300 --warmup-steps 10 --seed 4)
llm train medusa "${texts[@]}" "${further[@]}" --init "$work/medusa-1" -o "$work/medusa" --alpha 0.8 --learning-rate 1e-3
llm train mtp "${texts[@]}" "${further[@]}" --init "$work/mtp-1" -o "$work/mtp" --alpha 0.8 --optimizer muon --learning-rate 4e-3
llm train draft "${texts[@]}" "${further[@]}" --init "$work/draft-1" -o "$work/draft" --optimizer muon --learning-rate 5e-3

# What is shipped: no checkpoints, logs or curves of the parts.
npx tsx scripts/built-in/assemble.ts "$work" "$work/built-in"
