import { Context, Effect, Layer } from "effect"

/** Calls to services that are under way, so that a test on a virtual clock knows when the world is still. */
export class InFlight {
  count = 0

  /** The service with every method that answers an Effect counted. */
  counted<I, S extends object>(key: Context.Key<I, S>): Layer.Layer<I, never, I> {
    return Layer.effect(
      key,
      Effect.map(key, (service) => {
        const copy: Record<string, unknown> = {}
        for (const [name, member] of Object.entries(service)) copy[name] = this.#member(member)
        return copy as S
      })
    )
  }

  /** The object with one of its methods counted. */
  countedMember<S extends object>(object: S, name: keyof S): S {
    const member = this.#member(object[name])
    return new Proxy(object, { get: (target, key) => (key === name ? member : Reflect.get(target, key)) })
  }

  #member(member: unknown): unknown {
    if (Effect.isEffect(member)) return this.countedEffect(member)
    if (typeof member !== "function") return member
    return (...args: ReadonlyArray<unknown>) => {
      const answer: unknown = Reflect.apply(member, undefined, args)
      return Effect.isEffect(answer) ? this.countedEffect(answer) : answer
    }
  }

  countedEffect<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => void this.count++),
      () => effect,
      () => Effect.sync(() => void this.count--)
    )
  }

  /** Lets real time pass until no call was under way for a few turns of the event loop. */
  readonly settled: Effect.Effect<void> = Effect.promise(async () => {
    for (let still = 0; still < 4; still = this.count === 0 ? still + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
}
