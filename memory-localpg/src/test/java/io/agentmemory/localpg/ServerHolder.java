package io.agentmemory.localpg;

import io.agentmemory.localpg.LocalPostgres.Requirement;

/** A program that starts a server, says where it lives, and ends when its standard input does. */
final class ServerHolder {
  private ServerHolder() {}

  public static void main(String[] arguments) throws Exception {
    LocalPostgres server = LocalPostgres.require(Requirement.ANY).fast().start();
    System.out.println(server.folder().path());
    System.out.flush();
    while (System.in.read() >= 0) {
      continue;
    }
  }
}
