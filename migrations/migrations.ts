import desiredState from "./0001_desired_state.ts"
import views from "./0002_views.ts"
import attempts from "./0003_attempts.ts"
import outboxAndBrake from "./0004_outbox_and_brake.ts"
import tokens from "./0005_tokens.ts"
import mappedTo from "./0006_mapped_to.ts"
import truth from "./0007_truth.ts"
import canaries from "./0008_canaries.ts"
import baselineOfAll from "./0009_baseline_of_all.ts"
import orderRefused from "./0010_order_refused.ts"
import type { Migration } from "./Migration.ts"

/** In the order in which they are applied; a key is `NNNN_name`. Static, so that a bundle has them too. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001_desired_state": desiredState,
  "0002_views": views,
  "0003_attempts": attempts,
  "0004_outbox_and_brake": outboxAndBrake,
  "0005_tokens": tokens,
  "0006_mapped_to": mappedTo,
  "0007_truth": truth,
  "0008_canaries": canaries,
  "0009_baseline_of_all": baselineOfAll,
  "0010_order_refused": orderRefused
}
