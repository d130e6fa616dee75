package example;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.jwk.source.RateLimitReachedException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.SecurityContext;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServletRequest;
import java.net.MalformedURLException;
import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.HttpMethod;
import org.springframework.security.access.AccessDeniedException;
import org.springframework.security.authentication.AuthenticationManager;
import org.springframework.security.authentication.AuthenticationManagerResolver;
import org.springframework.security.authentication.ProviderManager;
import org.springframework.security.authorization.AuthorizationDecision;
import org.springframework.security.authorization.AuthorizationManager;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.authority.AuthorityUtils;
import org.springframework.security.oauth2.core.DelegatingOAuth2TokenValidator;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtIssuerValidator;
import org.springframework.security.oauth2.jwt.JwtTimestampValidator;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.oauth2.server.resource.authentication.AbstractOAuth2TokenAuthenticationToken;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationProvider;
import org.springframework.security.oauth2.server.resource.authentication.JwtAuthenticationToken;
import org.springframework.security.oauth2.server.resource.authentication.OpaqueTokenAuthenticationProvider;
import org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.access.intercept.RequestAuthorizationContext;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** Documents of organizations: people and API keys need a permission there, machine users of the app may read. */
@SpringBootApplication
public class App {
  static final String ISSUER = System.getenv().getOrDefault("GATEHOUSE_URL", "http://localhost:3000") + "/apps/demo";
  static final String AUDIENCE = "https://api.example.com";
  static final String MACHINE_USER = "GENERIC_MACHINE_USER";

  public static void main(String[] arguments) {
    var app = new SpringApplication(App.class);
    var port = System.getenv().getOrDefault("PORT", "4000");
    app.setDefaultProperties(Map.of("server.address", "127.0.0.1", "server.port", port));
    app.run(arguments);
  }

  @Bean
  SecurityFilterChain api(HttpSecurity http) throws Exception {
    var managers = managers();
    return http
        .authorizeHttpRequests(requests -> requests
            // Otherwise the response to a failure of the server is 401.
            .dispatcherTypeMatchers(DispatcherType.ERROR).permitAll()
            .requestMatchers(HttpMethod.GET, "/organizations/{orgId}/documents").access(may("documents:read", true))
            .requestMatchers(HttpMethod.POST, "/organizations/{orgId}/documents").access(may("documents:write", false))
            .anyRequest().denyAll())
        .oauth2ResourceServer(server -> server.authenticationManagerResolver(managers))
        .exceptionHandling(handling -> handling.accessDeniedHandler((request, response, denied) -> {
          var refusal = denied instanceof Refusal known ? known : new Refusal(403, null);
          if (refusal.retryAfter != null) response.setHeader("Retry-After", refusal.retryAfter);
          response.setStatus(refusal.status);
        }))
        .sessionManagement(session -> session.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
        .csrf(csrf -> csrf.disable())
        .build();
  }

  /** Gatehouse is asked about API keys and sessions. JWTs are verified, with one key set after the other. */
  AuthenticationManagerResolver<HttpServletRequest> managers() throws MalformedURLException {
    // A machine user with the scope tokens:read.
    var introspector = SpringOpaqueTokenIntrospector
        .withIntrospectionUri(ISSUER + "/oauth/introspect")
        .clientId(System.getenv("CLIENT_ID"))
        .clientSecret(System.getenv("CLIENT_SECRET"))
        .build();
    var opaque = new ProviderManager(new OpaqueTokenAuthenticationProvider(introspector));
    var people = new JwtAuthenticationProvider(decoder("/oauth/jwks",
        new JwtClaimValidator<Object>("token_use", use -> List.of("user", "organization_machine").contains(use))));
    var machines = new JwtAuthenticationProvider(decoder("/.well-known/jwks.json",
        new JwtClaimValidator<List<String>>("roles", roles -> roles != null && roles.contains(MACHINE_USER))));
    machines.setJwtAuthenticationConverter(
        jwt -> new JwtAuthenticationToken(jwt, AuthorityUtils.createAuthorityList("MACHINE")));
    var jwt = new ProviderManager(people, machines);
    AuthenticationManager manager = authentication -> {
      var token = ((BearerTokenAuthenticationToken) authentication).getToken();
      return (token.startsWith("gh_") ? opaque : jwt).authenticate(authentication);
    };
    return request -> manager;
  }

  NimbusJwtDecoder decoder(String path, JwtClaimValidator<?> kind) throws MalformedURLException {
    JWKSource<SecurityContext> fetched = JWKSourceBuilder.create(URI.create(ISSUER + path).toURL()).build();
    // Anybody can send ids of unknown keys. The source limits the fetches: until the next one, the key stays unknown.
    JWKSource<SecurityContext> keys = (selector, context) -> {
      try {
        return fetched.get(selector, context);
      } catch (RateLimitReachedException tooMany) {
        return List.of();
      }
    };
    var decoder = NimbusJwtDecoder.withJwkSource(keys)
        .jwsAlgorithm(SignatureAlgorithm.ES256)
        .jwtProcessorCustomizer(processor -> processor
            .setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt"))))
        .build();
    decoder.setJwtValidator(new DelegatingOAuth2TokenValidator<>(
        new JwtTimestampValidator(),
        new JwtIssuerValidator(ISSUER),
        new JwtClaimValidator<Instant>("exp", Objects::nonNull),
        new JwtClaimValidator<List<String>>("aud", audiences -> audiences != null && audiences.contains(AUDIENCE)),
        kind));
    return decoder;
  }

  /** The caller has the permission in the organization of the path. A list that is absent allows nothing. */
  AuthorizationManager<RequestAuthorizationContext> may(String permission, boolean machinesPass) {
    return (authentication, context) -> {
      if (!(authentication.get() instanceof AbstractOAuth2TokenAuthenticationToken<?> caller)) {
        return new AuthorizationDecision(false);
      }
      var claims = caller.getTokenAttributes();
      if (caller.getAuthorities().stream().anyMatch(held -> "MACHINE".equals(held.getAuthority()))) {
        return new AuthorizationDecision(machinesPass);
      }
      if (claims.get("rate") instanceof Map<?, ?> rate) {
        throw new Refusal(429, String.valueOf(rate.get("retryAfterSeconds")));
      }
      if (!context.getVariables().get("orgId").equals(claims.get("org_id"))) throw new Refusal(404, null);
      return new AuthorizationDecision(
          claims.get("permissions") instanceof List<?> permissions && permissions.contains(permission));
    };
  }

  /** A refusal with another status than 403. */
  static class Refusal extends AccessDeniedException {
    final int status;
    final String retryAfter;

    Refusal(int status, String retryAfter) {
      super("refused");
      this.status = status;
      this.retryAfter = retryAfter;
    }
  }

  @RestController
  static class Documents {
    private final Map<String, List<String>> documents = new ConcurrentHashMap<>();

    @GetMapping("/organizations/{orgId}/documents")
    List<String> read(@PathVariable String orgId) {
      return documents.getOrDefault(orgId, List.of());
    }

    @PostMapping("/organizations/{orgId}/documents")
    List<String> write(@PathVariable String orgId) {
      var own = documents.computeIfAbsent(orgId, id -> new CopyOnWriteArrayList<>());
      own.add("document " + (own.size() + 1));
      return own;
    }
  }
}
