import java.io.*;
import java.time.Instant;
import java.util.*;
import org.springframework.security.oauth2.core.*;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.*;

class UseSpring {
  public static void main(String[] arguments) throws Exception {
/* SAMPLE */

    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (var token = lines.readLine(); token != null; token = lines.readLine()) {
      try {
        decoder.decode(token);
        System.out.println("accepted");
      } catch (JwtException refusal) {
        System.out.println("refused");
      }
    }
  }
}
