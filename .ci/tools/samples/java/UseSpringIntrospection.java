import java.io.*;
import org.springframework.security.oauth2.server.resource.introspection.*;

class UseSpringIntrospection {
  public static void main(String[] arguments) throws Exception {
    var clientId = System.getenv("CLIENT_ID");
    var clientSecret = System.getenv("CLIENT_SECRET");
/* SAMPLE */

    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (var token = lines.readLine(); token != null; token = lines.readLine()) {
      try {
        introspector.introspect(token);
        System.out.println("accepted");
      } catch (BadOpaqueTokenException refusal) {
        System.out.println("refused");
      }
    }
  }
}
