import { Schema } from "effect"
import { Outcome, type OutcomeOf, type Start } from "./Outcome.ts"

/** What is to become of matching tasks from now on. Of several rules that match, the newest counts. */
export const OutcomeRule = Schema.Struct({
  namespace: Schema.optionalKey(Schema.String),
  job: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.Int),
  group: Schema.optionalKey(Schema.String),
  task: Schema.optionalKey(Schema.String),
  /** Only tasks whose image contains this. */
  image: Schema.optionalKey(Schema.String),
  /** How many starts (for `Unplaceable`: looks of the scheduler) it rules; left out, all of them until `clear`. */
  times: Schema.optionalKey(Schema.Int),
  outcome: Outcome
})
export type OutcomeRule = typeof OutcomeRule.Type

export interface Outcomes {
  readonly add: (rule: OutcomeRule) => void
  readonly clear: () => void
  /** The outcome of the rule that matches, which is counted; otherwise that of the simulator's own option. */
  readonly of: OutcomeOf
}

const places = ["namespace", "job", "version", "group", "task"] as const

const matches = (rule: OutcomeRule, start: Start): boolean =>
  places.every((place) => rule[place] === undefined || rule[place] === start[place]) &&
  (rule.image === undefined || start.image.includes(rule.image))

export const makeOutcomes = (otherwise: OutcomeOf): Outcomes => {
  let rules: ReadonlyArray<{ readonly rule: OutcomeRule; left: number }> = []
  return {
    add: (rule) => {
      rules = [{ rule, left: rule.times ?? Number.POSITIVE_INFINITY }, ...rules]
    },
    clear: () => {
      rules = []
    },
    of: (start) => {
      const hit = rules.find(({ rule }) => matches(rule, start))
      if (hit === undefined) return otherwise(start)
      const { outcome } = hit.rule
      // A rule about starts has said nothing yet when the scheduler asks, and one about room nothing to a client.
      if ((outcome._tag === "Unplaceable") === (start.asks === "placement")) hit.left -= 1
      if (hit.left <= 0) rules = rules.filter((each) => each !== hit)
      return outcome
    }
  }
}
