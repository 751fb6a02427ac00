// Counts calls by the key that their client chose.

const most = 4096; // The newest keys stay, so that it never fills up.

export function callCounts() {
  const counts = new Map();

  return {
    /** Counts a call that has begun, and returns what counts its end. An empty key counts nothing. */
    begin(key, signal) {
      if (key === '') return () => {};
      const count = counts.get(key) ?? { started: 0, running: 0, cancelled: 0 };
      counts.set(key, count);
      if (counts.size > most) counts.delete(counts.keys().next().value);
      count.started++;
      count.running++;
      return () => {
        count.running--;
        if (signal.aborted) count.cancelled++;
      };
    },

    of: (key) => counts.get(key) ?? {},
  };
}
