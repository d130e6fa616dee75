import com.nimbusds.jose.*;
import com.nimbusds.jose.jwk.source.*;
import com.nimbusds.jose.proc.*;
import com.nimbusds.jwt.*;
import com.nimbusds.jwt.proc.*;
import java.io.*;
import java.net.*;
import java.util.*;

class UseNimbus {
  public static void main(String[] arguments) throws Exception {
/* SAMPLE */

    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (var token = lines.readLine(); token != null; token = lines.readLine()) {
      try {
        processor.process(token, null);
        System.out.println("accepted");
      } catch (java.text.ParseException | BadJOSEException | JOSEException refusal) {
        System.out.println("refused");
      }
    }
  }
}
