import { Effect, Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

const polls = counter("registrywatcher_registry_polls_total", "Polls of a registry, by registry and result")
const registers = counter(
  "registrywatcher_registers_total",
  "Registers sent to Nomad, by what its answer proves"
)
const rollouts = counter("registrywatcher_rollouts_total", "Rollouts of accepted attempts, by outcome")

const count = (metric: typeof polls, attributes: Readonly<Record<string, string>>): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(metric, attributes), 1)

/** `result`: `answered`, or the reason of the registry's error. */
export const countPoll = (registry: string, result: string) => count(polls, { registry, result })
export const countRegister = (answer: string) => count(registers, { answer })
export const countRollout = (outcome: string) => count(rollouts, { outcome })
