/** Reads the settings that a topic has now (DescribeConfigs). Never cached. */
export interface TopicSettings {
  /**
   * Every setting by its name, with the value in effect.
   * @throws KafkaError TOPIC_MISSING, NOT_AUTHORIZED, UNREACHABLE, AUTHENTICATION_FAILED
   */
  describe(topic: string): Promise<Readonly<Record<string, string | null>>>;
}
