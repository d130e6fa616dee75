import example.gatehouse.ApiClient;
import example.gatehouse.ApiException;
import example.gatehouse.api.AuthenticationApi;
import example.gatehouse.api.AuthorizationApi;
import example.gatehouse.model.MeSession.AcrEnum;
import example.gatehouse.model.SetupOrganizationRequest;
import example.gatehouse.model.SignInMethod;
import example.gatehouse.model.SignInRequest;
import example.gatehouse.model.UpdateOrganizationRequest;
import java.util.Map;

/** Uses the client that was generated for Java, as a program of a customer would. */
class Use {
  static String token;

  static void expect(boolean isAsExpected, Object answer) {
    if (!isAsExpected) throw new AssertionError("unexpected answer: " + answer);
  }

  public static void main(String[] arguments) throws Exception {
    var env = System.getenv();
    var client = new ApiClient();
    client.updateBaseUri(env.get("GATEHOUSE_URL"));
    client.setRequestInterceptor(request -> {
      request.header("X-App-Name", env.get("GATEHOUSE_APP"));
      if (token != null) request.header("Authorization", "Bearer " + token);
    });
    var authentication = new AuthenticationApi(client);
    var authorization = new AuthorizationApi(client);

    var credentials = new SignInRequest().email(env.get("GATEHOUSE_EMAIL")).password(env.get("GATEHOUSE_PASSWORD"));
    token = authentication.signIn(credentials, null).getSessionToken();

    var session = authentication.getMe(null, null, null).getSession();
    expect(session.getAcr() == AcrEnum.NUMBER_1, session);
    var settings = authorization.getAppSettings();
    expect(settings.getSignInMethods().contains(SignInMethod.PASSWORD), settings);

    var organization = new SetupOrganizationRequest()
        .orgName("Java").adminFirstName("Ada").adminLastName("Byron").adminEmail("ada@example.com");
    var orgId = authorization.setupOrganization(organization, null).getOrgId();

    var change = new UpdateOrganizationRequest().metadata(Map.of("plan", "pro"));
    authorization.updateOrganization(orgId, change, null);
    var found = authorization.getOrganization(orgId, null, true, null);
    expect("pro".equals(found.getMetadata().get("plan")), found);

    try {
      authorization.getOrganization("1", null, null, null);
      throw new AssertionError("there is no such organization");
    } catch (ApiException refusal) {
      expect(refusal.getCode() == 404 && refusal.getResponseBody().contains("organization_not_found"), refusal);
    }
    System.out.println("The Java client works.");
  }
}
