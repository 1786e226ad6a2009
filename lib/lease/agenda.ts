/**
 * What falls due when: a priority queue with one entry per second, so that a million leases that
 * end in one hour make 3,600 entries to sort, not a million.
 *
 * @module
 */

/**
 * Items filed under the second in which they fall due, each under one at a time: filing an item
 * again for later changes nothing, so a lease that is renewed a thousand times is filed once.
 */
export class Agenda<T> {
  readonly #filed = new Map<T, number>();
  readonly #items = new Map<number, T[]>();
  /** The seconds that have items, as a binary heap with the earliest first. */
  readonly #heap: number[] = [];

  /**
   * Files an item, unless it is filed for that second or an earlier one. An instant that never
   * comes (Infinity) is not filed.
   *
   * @param instant Milliseconds.
   */
  add(instant: number, item: T): void {
    if (!Number.isFinite(instant)) return;
    const second = Math.ceil(instant / 1000);
    if ((this.#filed.get(item) ?? Infinity) > second) this.#file(second, item);
  }

  /** Files an item for a later instant, even if it is filed for an earlier one. */
  postpone(instant: number, item: T): void {
    const second = Math.ceil(instant / 1000);
    if (this.#filed.get(item) !== second) this.#file(second, item);
  }

  #file(second: number, item: T): void {
    this.#filed.set(item, second);
    const items = this.#items.get(second);
    if (items !== undefined) {
      items.push(item);
      return;
    }
    this.#items.set(second, [item]);
    this.#push(second);
  }

  /**
   * Takes out the earliest item that is due, or returns undefined when none is.
   *
   * @param now Milliseconds. An item is due up to one second after its instant, never before it.
   */
  take(now: number): T | undefined {
    for (let second = this.#heap[0]; second !== undefined; second = this.#heap[0]) {
      if (second * 1000 > now) return undefined;
      const items = this.#items.get(second)!;
      const item = items.pop()!;
      if (items.length === 0) {
        this.#items.delete(second);
        this.#pop();
      }
      // An item that was filed again for another second has left a copy behind.
      if (this.#filed.get(item) !== second) continue;
      this.#filed.delete(item);
      return item;
    }
    return undefined;
  }

  #push(second: number): void {
    const heap = this.#heap;
    let child = heap.length;
    heap.push(second);
    while (child > 0) {
      const parent = (child - 1) >>> 1;
      if (heap[parent]! <= second) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = second;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let parent = 0;
    while (true) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
  }
}
