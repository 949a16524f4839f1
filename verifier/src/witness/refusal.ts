/** Why a request is not answered with a cosignature. */
export interface Refusal {
  readonly kind: 'refused';
  readonly status: 400 | 403 | 404 | 409 | 422 | 503;
  /** A sentence for the client; of 409 the log's line only, for its body is the size alone. */
  readonly detail: string;
  /** With 409: the size of the latest checkpoint that was cosigned, 0 where there is none. */
  readonly size?: number;
  /** The log signed two trees of one size: proof of a fork, whatever else the request says. */
  readonly fork?: true;
}

export function refusal(status: Refusal['status'], detail: string): Refusal {
  return { kind: 'refused', status, detail };
}
