package io.agentmemory.internal.testkit;

import java.util.Set;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Lets only some parts of a contract run, where another class runs all of it on a store that
 * differs little. With {@code -Dcontract=all} all of them run.
 */
public abstract class ContractSample implements ExecutionCondition {
  private final Set<String> parts;

  /**
   * @param parts simple names of the contract's nested classes
   */
  protected ContractSample(String... parts) {
    this.parts = Set.of(parts);
  }

  @Override
  public final ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    Class<?> at = context.getRequiredTestClass();
    boolean ofTheContract = at.getPackageName().equals("io.agentmemory.testkit");
    return "all".equals(System.getProperty("contract"))
            || !ofTheContract
            || parts.contains(at.getSimpleName())
        ? ConditionEvaluationResult.enabled("of the sample")
        : ConditionEvaluationResult.disabled("-Dcontract=all runs it");
  }
}
