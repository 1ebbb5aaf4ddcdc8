import { Context, Effect, Layer } from "effect"

/** What is under way, so that a test on a virtual clock knows when the world is still. */
export class InFlight {
  #now = { calls: 0, untold: 0 }

  /** Another story begins: what still ends of the one before is not counted in it. */
  readonly reset = Effect.sync(() => {
    this.#now = { calls: 0, untold: 0 }
  })

  /**
   * Notifications that Postgres has still to bring; less than none are those it brought before their statement was
   * answered. Counted apart from calls: the answer's own call would make up for one.
   */
  readonly tells = (count: number) => Effect.sync(() => void (this.#now.untold += count))

  /** Nobody listened for one. */
  readonly unheard = this.tells(-1)

  /** A call for which virtual time goes on, though it is one of a counted service. */
  readonly unwaited = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    this.#during(-1, effect)

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

  /** The object with these of its methods counted. */
  countedMembers<S extends object>(object: S, names: ReadonlyArray<keyof S>): S {
    const members = new Map<PropertyKey, unknown>(names.map((name) => [name, this.#member(object[name])]))
    return new Proxy(object, { get: (target, key) => members.get(key) ?? Reflect.get(target, key) })
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
    return this.#during(1, effect)
  }

  #during<A, E, R>(calls: 1 | -1, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        this.#now.calls += calls
        return this.#now
      }),
      () => effect,
      (then) => Effect.sync(() => void (then.calls -= calls))
    )
  }

  /** Lets real time pass until nothing was under way for a few turns of the event loop. */
  readonly settled: Effect.Effect<void> = Effect.promise(async () => {
    const isStill = () => this.#now.calls === 0 && this.#now.untold === 0
    for (let still = 0; still < 4; still = isStill() ? still + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
}
